SELECT * FROM rewards.generate_codes('five off', :codes);
