"""Rows of a CSV file as all peers take them."""

import pandas as pd


def read(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def clean(column):
    """Whitespace runs become one space."""
    return [" ".join(text.split()) for text in column]


def encode(tokenizer, frame, max_length):
    """Title and abstract as a sentence pair."""
    return tokenizer(clean(frame.title), clean(frame.abstract), truncation=True, max_length=max_length)
