# fish completion for paimonfs
set -l commands mount umount ls cat tail append overwrite lookup bitmap sql compact expire fsck status doctor demo
complete -c paimonfs -n "not __fish_seen_subcommand_from $commands" -f -a "$commands"
complete -c paimonfs -n "__fish_seen_subcommand_from mount" -s f -d "stay in the foreground"
complete -c paimonfs -n "__fish_seen_subcommand_from mount" -s o -x -d "mount options" -a \
    "ro rw allow_other memory= threads= cache= cache-size= commit-interval= write-only on-error= external-paths= formats= log= uid= gid= umask="
complete -c paimonfs -n "__fish_seen_subcommand_from cat lookup" -l memory -x
complete -c paimonfs -n "__fish_seen_subcommand_from ls cat tail append overwrite lookup sql compact expire fsck" -s o -x -d "external-paths=DIR" -a "external-paths="
complete -c paimonfs -n "__fish_seen_subcommand_from lookup" -l columns -x
complete -c paimonfs -n "__fish_seen_subcommand_from lookup" -l cache -x -a "partial full bucket"
complete -c paimonfs -n "__fish_seen_subcommand_from lookup" -l found
complete -c paimonfs -n "__fish_seen_subcommand_from lookup" -l missing
complete -c paimonfs -n "__fish_seen_subcommand_from bitmap" -f -a "union-count union cardinality build"
complete -c paimonfs -n "__fish_seen_subcommand_from bitmap" -l group-by -x
complete -c paimonfs -n "__fish_seen_subcommand_from bitmap" -l bitmap -x
complete -c paimonfs -n "__fish_seen_subcommand_from bitmap" -l as -x
complete -c paimonfs -n "__fish_seen_subcommand_from bitmap" -l bits -x -a "32 64"
complete -c paimonfs -n "__fish_seen_subcommand_from append" -l no-compact
complete -c paimonfs -n "__fish_seen_subcommand_from compact" -l full
complete -c paimonfs -n "__fish_seen_subcommand_from tail" -s n -x -d "rows to begin with"
complete -c paimonfs -n "__fish_seen_subcommand_from fsck" -l deep -d "decode every value"
complete -c paimonfs -n "__fish_seen_subcommand_from status doctor fsck" -l json
complete -c paimonfs -n "__fish_seen_subcommand_from umount status doctor" -f -a \
    "(awk '\$3 == \"fuse.paimonfs\" { print \$2 }' /proc/self/mounts)"
