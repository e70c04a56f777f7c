"""Reading a tree (`LocalTree`), and bringing a tree back (`Destination`)."""
