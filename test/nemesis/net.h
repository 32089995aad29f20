#ifndef WJOBS_NET_H
#define WJOBS_NET_H

/*
 * Sockets that do not block, by address: a path, or HOST:PORT in numbers. An
 * address that is none, or is taken, ends the program with a message.
 */
int net_listen(const char *address);
/* -1 where nobody listens; a connection over TCP may still be on its way. */
int net_connect(const char *address);

#endif
