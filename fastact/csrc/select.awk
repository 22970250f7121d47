# Copies activations.def with the entries named in `names` only; a name that has none is an error.
BEGIN {
    RS = ""
    count = split(names, listed, " ")
    for (i = 1; i <= count; i++) missing[listed[i]] = 1
}

!match($0, /(^|\n)FA_ACT\([0-9]+, [a-z0-9_]+/) {
    print $0 "\n"
    next
}

{
    name = substr($0, RSTART, RLENGTH)
    sub(/.*, /, "", name)
    if (name in missing) print $0 "\n"
    delete missing[name]
}

END {
    for (name in missing) {
        print "ACTIVATIONS: there is no activation " name > "/dev/stderr"
        status = 1
    }
    exit status
}
