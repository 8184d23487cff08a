/** The operator: observes, plans, acts, writes one status. */
@NullMarked
package io.swav.operator;

import org.jspecify.annotations.NullMarked;
