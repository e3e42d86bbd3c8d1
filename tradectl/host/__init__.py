"""What starts tradectl on this machine: the user's crontab and systemd.

program           the command line that reaches a home, a user and a database from an empty environment
crontab_block     a marked block in a crontab; other lines are kept byte for byte
crontab_program   the machine's own `crontab`
crontab_install   install, remove and check the block of a home and a user
systemd_units     the unit files of a home and a user
sd_notify         the daemon's reports to systemd
"""
