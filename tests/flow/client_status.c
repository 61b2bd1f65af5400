// Prints the number of images, through the client library with a key:  client_status ENDPOINT KEYS IDENTITY
#include <inttypes.h>
#include <stdio.h>

#include "common/client/rg_client.h"

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    const rg_client_options_t options = {.timeout_ms = 5000, .keys = argv[2], .identity = argv[3]};
    rg_client_t *client = NULL;
    rg_client_status_t status;
    int err = rg_client_open(&client, argv[1], &options);
    if (!err) err = rg_client_status(client, &status);
    if (err)
        fprintf(stderr, "%s\n", rg_client_error());
    else
        printf("%" PRIu64 " images\n", status.images);
    rg_client_close(&client);
    return err != 0;
}
