/** Pure decisions over a snapshot: no clock, no cluster, no configuration. */
@NullMarked
package io.swav.planner;

import org.jspecify.annotations.NullMarked;
