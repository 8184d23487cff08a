/** How trainers join and leave worlds, regroup, and transfer the training state. */
@NullMarked
package io.swav.membership;

import org.jspecify.annotations.NullMarked;
