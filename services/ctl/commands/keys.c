// rg-ctl keys: the keys that clients need to reach the services over tcp, and their roles.
//
// The first argument is an action, a row of the table keys_actions, which says whether a name and a role are
// needed as well. What an action does to the folder of keys is in keyring.h.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "services/ctl/command.h"
#include "services/ctl/keyring.h"
#include "services/ctl/output.h"

typedef struct keys keys_t;

typedef struct {
    const char *name;
    int takes_name, takes_role;
    int (*run)(const rg_options_t *options, const keys_t *own);
} keys_action_t;

struct keys {
    const keys_action_t *action;
    const char *name;
    enum rg_role role; // RG_ROLE_NONE: not given
};

static int keys_read_role(void *field, const char *text)
{
    enum rg_role *role = field;
    int found = rg_role_find(text);
    if (found < 0) return rg_fail(RG_EUSAGE, "expected reader, writer or admin");
    *role = (enum rg_role)found;
    return 0;
}

static const rg_command_option_t keys_options[] = {
    {"role", 'r', "ROLE",
     "Role of a new key: reader (search, translate, status), writer (also add images) or admin (everything)",
     RG_OPTION_READ(keys_t, role, keys_read_role)},
    {0},
};

// ---- actions
static int keys_init(const rg_options_t *options, const keys_t *own)
{
    const char *folder = options->config.security.keys, *identity = options->config.security.identity;
    char server[RG_KEY_TEXT_SIZE];
    (void)own;
    int err = rg_keyring_init(folder, identity);
    if (!err) err = rg_keypair_read_public(folder, RG_KEYPAIR_SERVER, server);
    if (err) return err;
    if (options->json)
        rg_output_json(json_pack("{s:s, s:s}", "server", server, "identity", identity));
    else
        printf("%s holds the services' key, and the key %s with which they ask each other\n", folder,
               identity);
    return 0;
}

static int keys_add(const rg_options_t *options, const keys_t *own)
{
    const char *folder = options->config.security.keys, *role = rg_role_name(own->role);
    char key[RG_KEY_TEXT_SIZE];
    int err = rg_keyring_add(folder, own->name, own->role);
    if (!err) err = rg_keypair_read_public(folder, own->name, key);
    if (err) return err;
    if (options->json)
        rg_output_json(json_pack("{s:s, s:s, s:s}", "name", own->name, "role", role, "public_key", key));
    else
        printf(
            "%s is a %s: hand over %s/server.key and %s/%s.key_secret. The user puts both into a folder and "
            "sets security.keys to that folder and security.identity to %s.\n",
            own->name, role, folder, folder, own->name, own->name);
    return 0;
}

static void keys_print(const rg_access_list_t *allow, const char *server)
{
    printf("%-20s %-8s %s\n", "name", "role", "public key");
    printf("%-20s %-8s %s\n", RG_KEYPAIR_SERVER, "-", server);
    for (size_t i = 0; i < allow->count; i++)
        printf("%-20s %-8s %s\n", allow->entries[i].name, rg_role_name(allow->entries[i].role),
               allow->entries[i].key);
}

static void keys_print_json(const rg_access_list_t *allow, const char *server)
{
    json_t *list = json_array();
    for (size_t i = 0; i < allow->count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", allow->entries[i].name, "role",
                                              rg_role_name(allow->entries[i].role), "public_key",
                                              allow->entries[i].key));
    rg_output_json(json_pack("{s:s, s:o}", "server", server, "keys", list));
}

static int keys_list(const rg_options_t *options, const keys_t *own)
{
    const char *folder = options->config.security.keys;
    char server[RG_KEY_TEXT_SIZE];
    rg_access_list_t allow;
    (void)own;
    int err = rg_keypair_read_public(folder, RG_KEYPAIR_SERVER, server);
    if (!err) err = rg_access_list_read(&allow, folder);
    if (err) return err;
    if (options->json)
        keys_print_json(&allow, server);
    else
        keys_print(&allow, server);
    rg_access_list_fini(&allow);
    return 0;
}

static int keys_remove(const rg_options_t *options, const keys_t *own)
{
    int err = rg_keyring_remove(options->config.security.keys, own->name);
    if (err) return err;
    if (options->json)
        rg_output_json(json_pack("{s:s}", "removed", own->name));
    else
        printf("%s is refused from now on\n", own->name);
    return 0;
}

static const keys_action_t keys_actions[] = {{"init", 0, 0, keys_init},
                                             {"add", 1, 1, keys_add},
                                             {"list", 0, 0, keys_list},
                                             {"remove", 1, 0, keys_remove}};

// ---- the command line
static const keys_action_t *keys_find_action(const char *name)
{
    for (size_t i = 0; i < sizeof keys_actions / sizeof *keys_actions; i++)
        if (strcmp(keys_actions[i].name, name) == 0) return &keys_actions[i];
    return NULL;
}

static int keys_argument(void *input, char *text)
{
    keys_t *own = input;
    if (own->action) {
        if (own->name || !own->action->takes_name) return rg_fail(RG_EUSAGE, "unexpected argument: %s", text);
        own->name = text;
    } else if (!(own->action = keys_find_action(text))) {
        return rg_fail(RG_EUSAGE, "'%s': expected init, add, list or remove", text);
    }
    return 0;
}

static int keys_check(const void *input)
{
    const keys_t *own = input;
    const keys_action_t *action = own->action;
    if (!action) return rg_fail(RG_EUSAGE, "init, add, list or remove is missing");
    if (action->takes_name && !own->name) return rg_fail(RG_EUSAGE, "%s: NAME is missing", action->name);
    if (action->takes_role && own->role == RG_ROLE_NONE)
        return rg_fail(RG_EUSAGE, "%s: --role reader, writer or admin is missing", action->name);
    if (!action->takes_role && own->role != RG_ROLE_NONE)
        return rg_fail(RG_EUSAGE, "%s: takes no --role", action->name);
    return 0;
}

static int keys_run(const rg_options_t *options, const void *input)
{
    const keys_t *own = input;
    if (!*options->config.security.keys)
        return rg_fail(RG_EUSAGE, "no folder of keys: give --config FILE with security.keys, or --set "
                                  "security.keys=FOLDER");
    return own->action->run(options, own);
}

const rg_command_t rg_command_keys = {
    .name = "keys",
    .summary = "Decide who may reach the services over tcp",
    .args = "init\nadd NAME --role ROLE\nlist\nremove NAME",
    .help = "Manages the folder of keys that security.keys names. With such a folder every tcp connection is "
            "encrypted, and only keys that the folder's file `allowed' lists are accepted. No service needs "
            "to run; running services notice a change by themselves.\n\n"
            "  init    make the services' own keys\n"
            "  add     make a key and give it a role\n"
            "  list    print all keys and their roles\n"
            "  remove  delete a key; the services refuse it from then on",
    .examples = "  rg-ctl keys init --set security.keys=keys\n"
                "  rg-ctl keys add ann --role reader --config configs/mine.yaml\n"
                "  rg-ctl keys list --json --config configs/mine.yaml\n"
                "  rg-ctl keys remove ann --config configs/mine.yaml\n",
    .options = keys_options,
    .argument = keys_argument,
    .check = keys_check,
    .size = sizeof(keys_t),
    .defaults = &(const keys_t){.role = RG_ROLE_NONE},
    .config = RG_COMMAND_DEFAULTS,
    .run = keys_run,
};
