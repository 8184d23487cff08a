/** The trainer's main class, step loop, save schedule and progress reports. */
@NullMarked
package io.swav.trainer;

import org.jspecify.annotations.NullMarked;
