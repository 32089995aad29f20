#ifndef WJOBS_SHA1_H
#define WJOBS_SHA1_H

#include <stddef.h>

#define SHA1_TEXT_SIZE 41

/*
 * SHA-1 (RFC 3174) in hexadecimal, by which Redis names scripts. It proves
 * nothing to anybody.
 */
void sha1_text(const void *data, size_t n, char text[SHA1_TEXT_SIZE]);

#endif
