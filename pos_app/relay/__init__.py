"""The mailbox for callbacks: opaque bytes in, cursor reads out. Installs without Qt."""
