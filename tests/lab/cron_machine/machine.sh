# Become the machine: private spool and system crontabs, the clock for every job by PAM's environment, then cron itself.
set -e
folder=$1
mount --make-rprivate /
mount --bind "$folder/spool" /var/spool/cron
mount --bind "$folder/cron.d" /etc/cron.d
mount --bind "$folder/crontab" /etc/crontab
printf '%s\n' "LD_PRELOAD=$LD_PRELOAD" "FAKETIME_SHARED=$FAKETIME_SHARED" \
    "FAKETIME_TIMESTAMP_FILE=$FAKETIME_TIMESTAMP_FILE" FAKETIME_NO_CACHE=1 FAKETIME_DONT_RESET=1 > "$folder/environment"
mount --bind "$folder/environment" /etc/environment
mount --bind "$folder/localtime" /etc/localtime
if [ -e /etc/timezone ]; then mount --bind "$folder/timezone" /etc/timezone; fi
if [ ! -e /usr/sbin/sendmail ]; then install -m 755 /dev/null /usr/sbin/sendmail; fi  # a host without a mail program
mount --bind "$folder/sendmail" /usr/sbin/sendmail
touch "$folder/crond.pid" /run/crond.pid  # a second machine, and the cron of the host, lock their own
mount --bind "$folder/crond.pid" /run/crond.pid
cp "$folder/environment" "$folder/ready"
exec cron -f -L 15
