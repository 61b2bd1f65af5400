// Messages of a service to the process that started it: the supervisor of `rg-ctl up`, or systemd. The protocol
// is that of sd_notify(3): datagrams of lines KEY=VALUE to the unix socket that NOTIFY_SOCKET names.
#ifndef RG_WIRE_NOTIFY_H
#define RG_WIRE_NOTIFY_H

// Sends one datagram; does nothing if NOTIFY_SOCKET is not set. A datagram that cannot be sent is dropped.
void rg__notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
