"""The sentences: what codes, states and mistakes are called by people.

Everything below speaks in codes; everything that a person reads is said here
or in a view, through gettext.
"""
