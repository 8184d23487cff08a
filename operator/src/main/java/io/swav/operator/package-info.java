/** The operator: it observes, plans, acts, and writes one status. */
@NullMarked
package io.swav.operator;

import org.jspecify.annotations.NullMarked;
