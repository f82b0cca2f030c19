"""The message service: what :mod:`digipoort_wus.ebms` says, with a store and without sockets."""
