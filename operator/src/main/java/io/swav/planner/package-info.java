/**
 * Decisions about pods and worlds, as pure functions of a snapshot. A decision carries its reason in words. Nothing
 * here reads a clock, a cluster or a configuration.
 */
@NullMarked
package io.swav.planner;

import org.jspecify.annotations.NullMarked;
