// A user program with embeddings of its own: adds five images, number i at (i, 0). The last one has a name
// that is not UTF-8.
#include <rg_client.h>
#include <stdio.h>
#include <string.h>

enum { IMAGES = 5 };

int main(int argc, char **argv)
{
    static const rg_client_model_t model = {"mine", 2, {1, 1, 1}};
    char names[IMAGES][24];
    float embeddings[IMAGES][2] = {{0}};
    rg_client_item_t items[IMAGES];
    rg_client_outcome_t outcomes[IMAGES];
    rg_client_t *client = NULL;
    memset(items, 0, sizeof items);
    for (int i = 0; i < IMAGES; i++) {
        snprintf(names[i], sizeof names[i], "image%d.jpg", i);
        embeddings[i][0] = (float)i;
        items[i].name = i == 4 ? "caf\xe9\n4.jpg" : names[i]; // a name in Latin-1 with a line end
        items[i].jpeg = names[i];                             // the store takes any bytes as a thumbnail
        items[i].jpeg_size = strlen(names[i]);
        items[i].embedding = embeddings[i];
        rg_client_content_id(items[i].jpeg, items[i].jpeg_size, items[i].id);
    }
    int err = rg_client_open(&client, argc > 1 ? argv[1] : "", NULL);
    if (!err) err = rg_client_use_model(client, &model, NULL);
    if (!err) err = rg_client_add(client, &model, items, IMAGES, outcomes, NULL);
    if (err) fprintf(stderr, "%s\n", rg_client_error());
    for (int i = 0; !err && i < IMAGES; i++) err = outcomes[i].fate != RG_CLIENT_ADDED;
    rg_client_close(&client);
    return err != 0;
}
