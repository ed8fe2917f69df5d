"""Pages of documentation that the catalogue writes."""
