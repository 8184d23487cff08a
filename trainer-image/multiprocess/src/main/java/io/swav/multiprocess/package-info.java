/**
 * Starts one process for each rank on this machine, joins them to a world over sockets, and reports which failed
 * first. Conformance checks, benchmarks and tests use it. The product does not: the operator starts its ranks.
 */
@NullMarked
package io.swav.multiprocess;

import org.jspecify.annotations.NullMarked;
