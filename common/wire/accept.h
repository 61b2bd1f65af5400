// A limit of the descriptors that connections may use. In the library rg-wire-config, for services only.
#ifndef RG_WIRE_ACCEPT_H
#define RG_WIRE_ACCEPT_H

// From now on a connection whose descriptor would not be below `descriptors` is accepted and hung up at
// once, whatever library of this process accepts it. Its peer may try again. The kernel gives the lowest
// free number, so as many descriptors are in use then. Raises the soft limit of the process first, and
// lowers `descriptors` if the hard limit leaves less. Call it before threads start. Connections of unix
// sockets also get a larger send buffer than the kernel's default (RG__RELAY_BUFFER).
void rg_accept_limit(int descriptors);

#endif
