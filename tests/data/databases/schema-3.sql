-- A database of schema 3 with one finished job.
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
INSERT INTO "attempts" VALUES('a1457c656fe1d586ddd5280aebf5989d',1,'local:animatic','succeeded','{"prompt": "A red kite", "duration": 1.0, "resolution": "480p", "generate_audio": false, "seed": 1987526205}','{"render_id": "effb51350e08ca92", "specification": {"prompt": "A red kite", "seconds": 1.0, "width": 854, "height": 480, "fps": 24, "seed": 1987526205, "audio": false, "first_frame": null, "last_frame": null, "reference_images": [], "path": "/data/videogen/renders/effb51350e08ca92.mp4"}}','null',0,NULL,'2026-11-26T02:00:04.581076+00:00','2026-11-26T02:00:04.609853+00:00','2026-11-26T02:00:08.221727+00:00');
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
	called_back_at VARCHAR(32), 
	created_at VARCHAR(32) NOT NULL, 
	updated_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (request_key)
);
INSERT INTO "jobs" VALUES('a1457c656fe1d586ddd5280aebf5989d','completed','a2ffc21be7349734f53c713bab74449a',NULL,'fc4cb9a2cdd81c3f98c44a1766419b3c52d646265be30a0ac703a7b3b0a9c48f','{"prompt": "A red kite", "duration": 1.0, "resolution": "480p", "gateway": "local"}','text_to_video','general','[{"endpoint": "local:animatic", "endpoint_id": "animatic", "gateway": "local", "model": "animatic", "provider": "local", "payload": {"body": {"prompt": "A red kite", "duration": 1.0, "resolution": "480p", "generate_audio": false, "seed": 1987526205}, "changes": [{"field": "seed", "asked": null, "sent": 1987526205, "why": "so that the request can be found again if its answer is lost"}], "warnings": [], "seconds": 1.0, "resolution": "480p", "aspect_ratio": null, "has_audio": false}, "cost": {"estimated_usd": "0", "ceiling_usd": "0", "basis": "rendered on this machine, free", "confidence": "high", "unit_usd": null}, "score": 0.5376, "scores": {"fit": 0.5, "quality": 0.1, "control": 1.0, "cost": 1.0, "speed": 0.9524, "reliability": 0.9, "health": 1.0}, "reasons": ["fit 0.50 to general: nothing in the prompt says more", "graded draft, not rated on AA-Video-T2V v2.0", "free"], "usual_seconds": 3.0000000000000004}]','["This is an animatic for planning shots, drawn on this machine from the words of the prompt. It is not AI video.", "No gateway key is set; with FAL_KEY the same call buys a real clip."]',NULL,0,1.0,'an animatic for planning shots, drawn on this machine; not AI video','{"path": "/data/videogen/videos/a-red-kite-a1457c656fe1.mp4", "resource_uri": "videogen://videos/a1457c656fe1d586ddd5280aebf5989d", "url": null, "mime_type": "video/mp4", "size_bytes": 94549, "sha256": "769be8da01ce97287fba4f11ab0d096c2157776498200b5e6527930d211434ea", "width": 854, "height": 480, "duration_seconds": 1.0, "fps": 24.0, "has_audio": false, "poster_path": "/data/videogen/videos/a-red-kite-a1457c656fe1.poster.jpg", "contact_sheet_path": "/data/videogen/videos/a-red-kite-a1457c656fe1.sheet.jpg", "checks": [], "details": {}}','null',0,0,NULL,'2026-11-26T02:00:04.534001+00:00','2026-11-26T02:00:09.660818+00:00');
CREATE TABLE schema_info (
	version INTEGER NOT NULL
);
INSERT INTO "schema_info" VALUES(3);
CREATE INDEX ix_jobs_status ON jobs (status);
CREATE INDEX jobs_by_age ON jobs (created_at, id);
CREATE INDEX jobs_by_driver ON jobs (driver, status);
CREATE INDEX attempts_by_end ON attempts (ended_at);
CREATE INDEX attempts_by_status ON attempts (status);
COMMIT;
