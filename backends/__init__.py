"""The engines, behind one interface, the seam: `base.py`. None of them knows HTTP."""
