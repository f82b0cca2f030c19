"""What every mutation draws from."""

from hypothesis import strategies as st

Draw = st.DataObject
