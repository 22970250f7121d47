/* The CPU quota of a cgroup. */
#ifndef FA_PLATFORM_CGROUP_H
#define FA_PLATFORM_CGROUP_H

/* CPUs granted by the cgroups that the membership file lists, rounded up, or 0 for no limit */
int fa__cgroup_quota(const char *cgroup_root, const char *membership_file);

#endif
