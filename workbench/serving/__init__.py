"""Model servers that the workbench starts: what they need, and the job that runs one."""
