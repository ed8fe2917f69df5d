"""Claims on dekel2012."""
