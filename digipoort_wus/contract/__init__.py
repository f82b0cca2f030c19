"""The Digipoort 1.2 services on Spyne: body element in, body element out.

Importing this package prepares the import of Spyne, so its modules (and those
that import them first) may simply say ``import spyne``.
"""

from digipoort_wus._compat import spyne_imports

spyne_imports.prepare()
