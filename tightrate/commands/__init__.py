"""The commands of `tightrate`, a file each; what several share is in `tightrate.terminal.options`."""
