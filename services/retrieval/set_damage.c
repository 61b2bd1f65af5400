// Damaged images of the set: a list of their labels in memory.
//
//   noticed     a view is loaded, a search or a list reads bulk data, the set is checked
//   noted       the label enters the list, the log names the image
//   left out    the writer publishes a view in which the rows of noted images are dead; until then, who noticed
//               leaves the image out of the reply
//   forgotten   the image was removed, or replaced by an addition
//
// The list is not stored: what is on the disk tells it again.
#include "common/core/err.h"
#include "services/retrieval/set_private.h"

void rg__set_damage_init(rg_set_t *set)
{
    pthread_mutex_init(&set->damage_lock, NULL);
}

void rg__set_damage_fini(rg_set_t *set)
{
    pthread_mutex_destroy(&set->damage_lock);
    free(set->damaged);
}

// Where the label stands in the list, or would stand.
static size_t place_of_label(const rg_set_t *set, uint64_t label)
{
    size_t low = 0, high = set->n_damaged;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->damaged[middle] < label)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Returns 1 if the label is new to the list.
static int enter_label(rg_set_t *set, uint64_t label)
{
    size_t at = place_of_label(set, label);
    if (at < set->n_damaged && set->damaged[at] == label) return 0;
    if (set->n_damaged == set->damaged_capacity) {
        set->damaged_capacity = 2 * set->damaged_capacity + 16;
        set->damaged = rg_realloc(set->damaged, set->damaged_capacity * sizeof *set->damaged);
    }
    memmove(set->damaged + at + 1, set->damaged + at, (set->n_damaged++ - at) * sizeof *set->damaged);
    set->damaged[at] = label;
    return set->is_damage_new = 1;
}

void rg_set_note_damaged(rg_set_t *set, uint64_t label)
{
    pthread_mutex_lock(&set->damage_lock);
    int is_new = enter_label(set, label);
    pthread_mutex_unlock(&set->damage_lock);
    if (is_new) rg_log(RG_LOG_WARN, "image-damaged", "error=\"%s\"", rg_error());
}

size_t rg_set_damaged(rg_set_t *set)
{
    pthread_mutex_lock(&set->damage_lock);
    size_t n = set->n_damaged;
    pthread_mutex_unlock(&set->damage_lock);
    return n;
}

int rg_set_is_damage_new(rg_set_t *set)
{
    pthread_mutex_lock(&set->damage_lock);
    int is_new = set->is_damage_new;
    pthread_mutex_unlock(&set->damage_lock);
    return is_new;
}

void rg_set_leave_out_damaged(rg_set_t *set)
{
    rg_view_t *view = rg_view_copy(set->view);
    pthread_mutex_lock(&set->damage_lock);
    for (size_t i = 0; i < set->n_damaged; i++) {
        ptrdiff_t row = rg_rows_find(&view->rows, (int64_t)set->damaged[i]);
        if (row >= 0) rg_view_kill(view, (size_t)row);
    }
    set->is_damage_new = 0;
    pthread_mutex_unlock(&set->damage_lock);
    rg__set_publish(set, view);
}

void rg__set_forget_damaged(rg_set_t *set, uint64_t label)
{
    pthread_mutex_lock(&set->damage_lock);
    size_t at = place_of_label(set, label);
    if (at < set->n_damaged && set->damaged[at] == label)
        memmove(set->damaged + at, set->damaged + at + 1, (--set->n_damaged - at) * sizeof *set->damaged);
    pthread_mutex_unlock(&set->damage_lock);
}

uint64_t rg__set_damaged_unembedded(rg_set_t *set, rg_store_txn_t *txn, uint32_t slot)
{
    uint64_t n = 0;
    pthread_mutex_lock(&set->damage_lock);
    for (size_t i = 0; i < set->n_damaged; i++) n += !rg_store_is_embedded(txn, set->damaged[i], slot);
    pthread_mutex_unlock(&set->damage_lock);
    return n;
}
