# Copies a list of kernels, one macro a line with an activation's name first, for the activations in `names` only.
BEGIN {
    count = split(names, listed, " ")
    for (i = 1; i <= count; i++) wanted[listed[i]] = 1
}

!match($0, /^FA_[A-Z_]+\([a-z0-9_]+/) {
    print
    next
}

{
    name = substr($0, RSTART, RLENGTH)
    sub(/.*\(/, "", name)
    if (name in wanted) print
}
