"""Row-wise functions: softmax and its relatives, and losses."""
