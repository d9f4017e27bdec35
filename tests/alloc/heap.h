/* SPDX-License-Identifier: Apache-2.0
 * The C allocator as our code sees it, counted and made to fail: programs of this folder are linked
 * with --wrap for malloc and its kin (heap.c). What shared libraries and libc allocate for
 * themselves is not seen. */
#ifndef MN_TEST_HEAP_H
#define MN_TEST_HEAP_H

/* Allocations asked for since the start. */
long heap_requests(void);
/* Blocks handed out and not freed. */
long heap_live(void);
/* Lets `successes` more requests through and refuses the one after them; -1 refuses none. */
void heap_fail_after(long successes);
/* Whether a request has been refused since heap_fail_after. */
int heap_failed(void);

#endif
