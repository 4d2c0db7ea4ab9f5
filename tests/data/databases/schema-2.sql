-- A database of schema 2 with one finished job, first written at schema 1.
BEGIN TRANSACTION;
CREATE TABLE attempts (
	job_id VARCHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	endpoint VARCHAR(300) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	body JSON NOT NULL, 
	operation JSON, 
	error JSON, 
	cost_usd BIGINT, 
	billed_usd BIGINT, 
	begun_at VARCHAR(32), 
	submitted_at VARCHAR(32), 
	ended_at VARCHAR(32), 
	PRIMARY KEY (job_id, number), 
	FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "attempts" VALUES('ebcf28b56be2a5d55cf9dddb76aa8dc6',1,'local:animatic','succeeded','{"prompt": "A red kite", "duration": 1.0, "resolution": "480p", "generate_audio": false}','{"render_id": "8b9528ad1e3f26e1", "specification": {"prompt": "A red kite", "seconds": 1.0, "width": 854, "height": 480, "fps": 24, "seed": null, "audio": false, "first_frame": null, "last_frame": null, "reference_images": [], "path": "/data/videogen/renders/8b9528ad1e3f26e1.mp4"}}',NULL,0,NULL,NULL,'2026-11-21T05:12:57.818978+00:00',NULL);
CREATE TABLE jobs (
	id VARCHAR(32) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	driver VARCHAR(40) NOT NULL, 
	request_key VARCHAR(200), 
	fingerprint VARCHAR(64) NOT NULL, 
	request JSON NOT NULL, 
	mode VARCHAR(32) NOT NULL, 
	intent VARCHAR(32) NOT NULL, 
	candidates JSON NOT NULL, 
	warnings JSON NOT NULL, 
	cap_usd BIGINT, 
	committed_usd BIGINT, 
	progress FLOAT NOT NULL, 
	message TEXT NOT NULL, 
	video JSON, 
	error JSON, 
	cancel_requested BOOLEAN NOT NULL, 
	crashes INTEGER DEFAULT '0' NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	updated_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (request_key)
);
INSERT INTO "jobs" VALUES('ebcf28b56be2a5d55cf9dddb76aa8dc6','completed','deb8e89144059aba53af477490dfa3bd',NULL,'df3da0e70476f18320fa5a6c9a4faf0fc1bb4842c6547140c3597822562e9619','{"prompt": "A red kite", "duration": 1.0, "resolution": "480p"}','text_to_video','general','[{"endpoint": "local:animatic", "endpoint_id": "animatic", "gateway": "local", "model": "animatic", "provider": "local", "payload": {"body": {"prompt": "A red kite", "duration": 1.0, "resolution": "480p", "generate_audio": false}, "changes": [], "warnings": [], "seconds": 1.0, "resolution": "480p", "aspect_ratio": null, "has_audio": false}, "cost": {"estimated_usd": "0", "ceiling_usd": "0", "basis": "rendered on this machine, free", "confidence": "high"}, "score": 0.4762, "scores": {"fit": 0.5, "quality": 0.1, "cost": 1.0, "speed": 0.9524}, "reasons": ["fit to general 0.50", "graded draft, not rated on AA-Video-T2V v2.0", "free"], "usual_seconds": 3.0}]','["This is an animatic for planning shots, drawn on this machine from the words of the prompt. It is not AI video.", "No gateway key is set; with FAL_KEY the same call buys a real clip."]',NULL,0,1.0,'an animatic for planning shots, drawn on this machine; not AI video','{"path": "/data/videogen/videos/a-red-kite-ebcf28b56be2.mp4", "resource_uri": "videogen://videos/ebcf28b56be2a5d55cf9dddb76aa8dc6", "url": null, "mime_type": "video/mp4", "size_bytes": 97853, "sha256": "3c5eb5d1ced72a0d25a4a8e41a1d41ac955c97ed3d1f66c84117f94973ccb740", "width": 854, "height": 480, "duration_seconds": 1.0, "fps": 24.0, "has_audio": false, "poster_path": "/data/videogen/videos/a-red-kite-ebcf28b56be2.poster.jpg", "contact_sheet_path": "/data/videogen/videos/a-red-kite-ebcf28b56be2.sheet.jpg", "checks": []}','null',0,0,'2026-11-21T05:12:57.802419+00:00','2026-11-21T05:12:58.659108+00:00');
CREATE TABLE schema_info (
	version INTEGER NOT NULL
);
INSERT INTO "schema_info" VALUES(2);
CREATE INDEX jobs_by_age ON jobs (created_at, id);
CREATE INDEX ix_jobs_status ON jobs (status);
CREATE INDEX attempts_by_end ON attempts (ended_at);
COMMIT;
