// The report of a run: one page with its curves, measures and pictures, written from the run's folder
// alone. The run may be training meanwhile.
#ifndef RG_RUN_REPORT_H
#define RG_RUN_REPORT_H

// Writes folder/report.html, report.md and the files beside them (common/report/document.h). The errors of
// rg_run_record_open and rg_document_write.
int rg_run_report_write(const char *run, const char *folder);

#endif
