/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's main. */
int main(void)
{
    return 0;
}
