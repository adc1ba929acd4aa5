"""One installation of the till on a PC: folders, settings, secrets, and whether M-PESA and relay can be reached."""
