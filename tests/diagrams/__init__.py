"""The marble diagrams of the documents, drawn from real runs in virtual time."""
