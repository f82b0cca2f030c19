"""One module for each schema; a name says the number it leads to."""
