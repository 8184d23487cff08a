/** Pure decisions over a snapshot: no clock, no cluster, no configuration. */
@NullMarked
package io.swav.plan;

import org.jspecify.annotations.NullMarked;
