"""Keys, sealing and signing: the account's words, its key file, and the encryption of regions."""
