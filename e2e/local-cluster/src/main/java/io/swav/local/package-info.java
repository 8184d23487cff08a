/**
 * A cluster on one machine: a real API server, the operator, and nodes that run pods as processes. It runs the images
 * that are registered as {@code LocalImage}, and it knows no trainer. Nothing that runs on real clusters depends on
 * this module.
 */
@NullMarked
package io.swav.local;

import org.jspecify.annotations.NullMarked;
