#pragma once

/// Small products that one thread computes after each other, between begin and end, share what each would have to prepare.
void begin_products(void);
void end_products(void);
