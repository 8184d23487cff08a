/**
 * The operator: it reads a snapshot of a job from the API server, executes the planner's plan, and writes one status.
 * Caches, clients, metrics and the page are here. Decisions are not: they are made in {@code io.swav.planner}, and no
 * class here depends on a trainer's.
 */
@NullMarked
package io.swav.operator;

import org.jspecify.annotations.NullMarked;
