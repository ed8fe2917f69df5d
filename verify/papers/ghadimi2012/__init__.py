"""Claims on ghadimi2012."""
