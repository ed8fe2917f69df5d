"""What the command line reads and prints, command by command."""
